// A plot of lines as SVG, readable on light and dark pages alike: its text and axes take the colour that fits the
// reader's setting, and its lines have colours that show on both.

export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

export interface Axis {
  readonly label: string;
  readonly scale: 'linear' | 'log';
  /** Where not given: from the least to the most of all points; a linear axis from 0. */
  readonly range?: readonly [number, number];
  readonly text?: (value: number) => string;
}

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly dashed?: boolean;
}

const WIDTH = 640;
const HEIGHT = 360;
const LEFT = 64;
const RIGHT = 150;
const TOP = 36;
const BOTTOM = 48;
const LEGEND_LINE = 20;
const TICKS = 5;
const COLOURS = ['#2f81f7', '#d9822b', '#2da44e', '#bf5af2', '#e5484d', '#8b949e', '#1fa5a5', '#b59b00'];
const STYLE = `text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:14px;font-weight:600}.axis{stroke:#24292f}\
.grid{stroke:#24292f;stroke-opacity:.15}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis,.grid{stroke:#e6edf3}}`;

export function linePlot({ title, x, y, series }: Plot): string {
  const points = series.flatMap((each) => each.points);
  const across = scaleOf(
    x,
    points.map(([value]) => value),
    [LEFT, WIDTH - RIGHT],
  );
  const up = scaleOf(
    y,
    points.map(([, value]) => value),
    [HEIGHT - BOTTOM, TOP],
  );
  const middle = (LEFT + WIDTH - RIGHT) / 2;
  const centre = (TOP + HEIGHT - BOTTOM) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}</style>`,
    text(title, middle, 20, 'class="title" text-anchor="middle"'),
    ...across.ticks.flatMap((value) => {
      const at = across.place(value);
      return [
        line('grid', at, TOP, at, HEIGHT - BOTTOM),
        text(across.text(value), at, HEIGHT - BOTTOM + 16, 'text-anchor="middle"'),
      ];
    }),
    ...up.ticks.flatMap((value) => {
      const at = up.place(value);
      return [line('grid', LEFT, at, WIDTH - RIGHT, at), text(up.text(value), LEFT - 6, at + 4, 'text-anchor="end"')];
    }),
    line('axis', LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM),
    line('axis', LEFT, TOP, LEFT, HEIGHT - BOTTOM),
    text(x.label, middle, HEIGHT - 10, 'text-anchor="middle"'),
    text(y.label, 16, centre, `text-anchor="middle" transform="rotate(-90 16 ${centre})"`),
    ...series.flatMap((each, index) => drawn(each, index, across, up)),
    '</svg>\n',
  ].join('\n');
}

function drawn({ name, points, dashed }: Series, index: number, across: Scale, up: Scale): string[] {
  const look = `stroke="${COLOURS[index % COLOURS.length]}" stroke-width="2"${dashed ? ' stroke-dasharray="5 4"' : ''}`;
  const path = points.map(([x, y]) => `${round(across.place(x))},${round(up.place(y))}`).join(' ');
  const legendX = WIDTH - RIGHT + 16;
  const legendY = TOP + 8 + index * LEGEND_LINE;
  return [
    `<polyline points="${path}" fill="none" ${look}/>`,
    `<line x1="${legendX}" y1="${legendY}" x2="${legendX + 22}" y2="${legendY}" ${look}/>`,
    text(name, legendX + 28, legendY + 4, ''),
  ];
}

interface Scale {
  readonly ticks: readonly number[];
  place(value: number): number;
  text(value: number): string;
}

function scaleOf(
  { scale, range, text = String }: Axis,
  values: readonly number[],
  [from, to]: [number, number],
): Scale {
  const isLog = scale === 'log';
  if (isLog && values.some((value) => value <= 0))
    throw new RangeError('a logarithmic axis has no place for 0 or less');
  const [low, high] = range ?? [isLog ? Math.min(...values) : Math.min(0, ...values), Math.max(...values)];
  const on = (value: number) => (isLog ? Math.log10(value) : value);
  const span = on(high) - on(low) || 1;
  return {
    ticks: isLog ? powersOfTen(low, high) : roundSteps(low, high),
    place: (value) => from + ((on(value) - on(low)) / span) * (to - from),
    text,
  };
}

function powersOfTen(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); power <= Math.log10(high) + 1e-9; power++)
    ticks.push(10 ** power);
  return ticks.map((tick) => Number(tick.toPrecision(12)));
}

/** About TICKS of them, 1, 2 or 5 times a power of ten apart. */
function roundSteps(low: number, high: number): number[] {
  const rough = (high - low || 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999)!;
  const ticks: number[] = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) {
    ticks.push(Number((at * step).toPrecision(12)));
  }
  return ticks;
}

function line(kind: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${kind}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

function text(content: string, x: number, y: number, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function round(place: number): number {
  return Math.round(place * 10) / 10;
}
