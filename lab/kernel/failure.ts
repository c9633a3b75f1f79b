/** The kernel ended under the lab: a panic, a guest that did not come up. */
export class KernelFailure extends Error {}
