/** Whether the kernel has a scheduler, asked by making a virtual service with it and taking it away again. */
import { problems } from './errors.ts';
import type { Ipvs } from './kernel/ipvs.ts';

/** Above every mark that ports get (core/marks.ts): no packet carries it. */
const probeMark = 0xfffffffe;

/** Rejects with SCHEDULER_MISSING, or with what IPVS itself lacks; a scheduler once seen is not asked for again. */
export function createSchedulerProbe(ipvs: () => Promise<Ipvs>): (scheduler: string) => Promise<void> {
  const seen = new Set<string>();
  return async (scheduler) => {
    if (seen.has(scheduler)) return;
    const opened = await ipvs();
    const service = { family: 4 as const, mark: probeMark, scheduler, flags: [], destinations: [] };
    try {
      await opened.addService(service);
    } catch (error) {
      throw (error as { code?: string }).code === 'SCHEDULER_MISSING'
        ? problems.SCHEDULER_MISSING(scheduler, (error as Error).message)
        : error;
    }
    await opened.deleteService(service);
    seen.add(scheduler);
  };
}
