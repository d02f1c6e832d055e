// `node test/history/speed.ts [operations]`: how long a history of a million operations takes to check.
import { checkHistory } from './check-history.ts';
import { describeReport } from './describe-report.ts';
import { generateHistory } from './generated/generate-history.ts';

const operations = Number(process.argv[2] ?? 1_000_000);
const [history, generatedMs] = timed(() =>
  generateHistory({ seed: 1, operations, clients: 50, replicas: 3, keys: 300, failovers: 2, watches: 20 }),
);
const [report, checkedMs] = timed(() => checkHistory(history, { mayLose: true, grainMs: 0 }));
console.log(describeReport(report));
console.log(`CPU: generated in ${(generatedMs / 1000).toFixed(1)} s, checked in ${(checkedMs / 1000).toFixed(1)} s.`);
process.exitCode = report.violations.length === 0 ? 0 : 1;

function timed<T>(run: () => T): [T, number] {
  // Others may be at work on the machine.
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  return [result, (user + system) / 1000];
}
