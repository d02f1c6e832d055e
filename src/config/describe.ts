import type { Config } from './load-config.ts';
import type { Setting } from './setting.ts';
import { SETTINGS } from './settings.ts';

/** The configuration by variable, for the log at start. Passwords are left out. */
export function describe(config: Config): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const value = config[name as keyof typeof SETTINGS];
    if (value !== undefined) shown[setting.variable] = setting.print(value);
  }
  return shown;
}

/** All settings: `plain` for `--help`, `markdown` for the README. */
export function settingsTable(format: 'plain' | 'markdown'): string {
  const settings = Object.values<Setting<unknown>>(SETTINGS);
  if (format === 'plain') return settings.map(plainEntry).join('\n');
  return ['| Variable | Default | Must be | What it does |', '|---|---|---|---|', ...settings.map(markdownRow)].join(
    '\n',
  );
}

function plainEntry({ variable, about, expects, initialText }: Setting<unknown>): string {
  const initial = initialText === '' ? 'not set' : initialText;
  return `  ${variable}\n      ${about}\n      Must be ${expects}. Default: ${initial}.`;
}

function markdownRow({ variable, about, expects, initialText }: Setting<unknown>): string {
  return `| \`${variable}\` | ${initialText === '' ? '' : `\`${initialText}\``} | ${expects} | ${about} |`;
}
