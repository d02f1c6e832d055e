import type { OpenWorkload } from './workload.ts';
import { batch } from './workloads/batch.ts';
import { commit } from './workloads/commit.ts';
import { get } from './workloads/get.ts';
import { list } from './workloads/list.ts';
import { set } from './workloads/set.ts';
import { watch } from './workloads/watch.ts';

/** Of `paramd bench`, in the order in which it runs them. */
export const WORKLOADS: Readonly<Record<string, OpenWorkload>> = { get, batch, list, set, commit, watch };
