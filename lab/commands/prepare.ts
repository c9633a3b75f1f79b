import { bundle } from '../setup/bundle.ts';
import { type KernelName, type SetUp, setUp } from '../setup/steps.ts';

/** Set-up, and the product's programs bundled as the sources are now. */
export async function prepare(wanted: { kernel?: KernelName; preferReady?: boolean } = {}): Promise<SetUp> {
  const made = await setUp(wanted);
  await bundle();
  return made;
}
