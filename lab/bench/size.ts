/** How much is measured. */
export interface BenchSize {
  name: 'quick' | 'full';
  /** Real servers, and changes measured at each. */
  servers: number[];
  changes: number;
  /** LB pods that are started; all but those that stand at the end leave, half of them by SIGTERM, half by SIGKILL. */
  lbPods: number;
  /** No further LB pod is started after this time: a slow machine gives fewer samples, not a longer wait. */
  lbPodsSeconds: number;
  /** LB pods that vanish with their link. */
  deadNodes: number;
  idleSeconds: number;
}

export const sizes: Record<BenchSize['name'], BenchSize> = {
  quick: {
    name: 'quick',
    servers: [500],
    changes: 40,
    lbPods: 10,
    lbPodsSeconds: 60,
    deadNodes: 1,
    idleSeconds: 10,
  },
  full: {
    name: 'full',
    servers: [10, 100, 500],
    changes: 100,
    lbPods: 204,
    lbPodsSeconds: 1500,
    deadNodes: 3,
    idleSeconds: 60,
  },
};
