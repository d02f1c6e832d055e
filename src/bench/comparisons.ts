import type { Comparison } from './compare/comparison.ts';
import { batch } from './comparisons/batch.ts';
import { commit } from './comparisons/commit.ts';
import { fanout } from './comparisons/fanout.ts';
import { get } from './comparisons/get.ts';
import { list } from './comparisons/list.ts';
import { memory } from './comparisons/memory.ts';
import { mixed } from './comparisons/mixed.ts';
import { resume } from './comparisons/resume.ts';
import { rising } from './comparisons/rising.ts';
import { set } from './comparisons/set.ts';
import { setAlone } from './comparisons/set-alone.ts';
import { shared } from './comparisons/shared.ts';
import { size } from './comparisons/size.ts';
import { stampede } from './comparisons/stampede.ts';
import { store } from './comparisons/store.ts';
import { two } from './comparisons/two.ts';
import { watch } from './comparisons/watch.ts';
import { watchers } from './comparisons/watchers.ts';
import { zipf } from './comparisons/zipf.ts';

/** Of `paramd bench compare`, in the order in which it runs them. */
export const COMPARISONS: readonly Comparison[] = [
  get,
  batch,
  shared,
  store,
  zipf,
  list,
  set,
  setAlone,
  commit,
  mixed,
  watch,
  fanout,
  resume,
  stampede,
  size,
  memory,
  watchers,
  two,
  rising,
];
