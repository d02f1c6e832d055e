import { expect } from 'chai';
import { linePlot } from '../../src/bench/plot/line-plot.ts';

const axis = { label: 'x', scale: 'linear' } as const;

describe('a plot of lines', () => {
  it('has a line and a name for each series, with places by both axes', () => {
    const svg = linePlot({
      title: 'A < B',
      x: { label: 'size', scale: 'log', text: (value) => `${value} keys` },
      y: { label: 'hits', scale: 'linear', range: [0, 1] },
      series: [
        {
          name: 'one',
          points: [
            [1, 0],
            [10, 0.5],
            [100, 1],
          ],
        },
        { name: 'two', points: [[1, 1]], dashed: true },
      ],
    });
    expect(svg).to.include('A &#60; B').and.include('>10 keys<').and.include('>0.2<').and.include('>two<');
    const [, places = ''] = /<polyline points="([^"]+)"/.exec(svg) ?? [];
    expect(places).to.equal('64,312 277,174 490,36');
    expect(svg.match(/<polyline/g)).to.have.length(2);
    expect(svg.match(/stroke-dasharray/g)).to.have.length(2);
    expect(svg).to.include('prefers-color-scheme:dark');
  });

  it('has round steps, whatever the range, and no place for 0 on a logarithmic axis', () => {
    const plot = (most: number) =>
      linePlot({
        title: '',
        x: axis,
        y: axis,
        series: [
          {
            name: '',
            points: [
              [0, 0],
              [most, most],
            ],
          },
        ],
      });
    expect(plot(7)).to.include('>2<').and.include('>6<').and.not.include('>7<');
    expect(plot(0)).to.not.include('NaN');
    const log = { ...axis, scale: 'log' } as const;
    expect(() => linePlot({ title: '', x: log, y: axis, series: [{ name: '', points: [[0, 1]] }] })).to.throw(
      RangeError,
    );
  });
});
