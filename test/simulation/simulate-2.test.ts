import { testSeeds } from './seeds.ts';

describe('more simulated histories keep the contract', () => testSeeds(2, 2));
