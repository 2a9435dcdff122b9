// The table of jobs, in run order.

import type { Job } from './job.ts'
import { append } from './jobs/append.ts'
import { classify } from './jobs/classify.ts'
import { clone, headers } from './jobs/clone.ts'
import { cluster } from './jobs/cluster.ts'
import { diverged } from './jobs/diverged.ts'
import { importing } from './jobs/import.ts'
import { live } from './jobs/live.ts'
import { pull } from './jobs/pull.ts'
import { verify } from './jobs/verify.ts'

export const jobs: readonly Job[] = [append, importing, clone, headers, pull, diverged, classify, verify, live, cluster]
