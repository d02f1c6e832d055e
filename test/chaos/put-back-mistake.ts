// For `node --import` in a replica: puts the mistake that PARAMD_TEST_MISTAKE names back, by the simulation's hook.
process.env.PARAMD_MISTAKE = process.env.PARAMD_TEST_MISTAKE;
await import('../simulation/mistakes/hook.ts');
// The replica would refuse to start with a setting that it does not know.
delete process.env.PARAMD_MISTAKE;
