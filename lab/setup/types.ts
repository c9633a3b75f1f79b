export type KernelName = 'host' | 'latest' | '6.1';

export interface KernelChoice {
  name: KernelName;
  /** Version of the kernel. */
  release: string;
  /** User-Mode Linux: the program; absent for the machine's own kernel. */
  program?: string;
  /** Folder with the modules of this very release, where it has modules. */
  modulesDir?: string;
  /** One sentence for the reader: why this kernel. */
  why: string;
}

/** What set-up made and where it is. */
export interface SetUp {
  cacheDir: string;
  /** The lab's Debian trixie, a folder; read-only for all who use it. */
  root: string;
  kernel: KernelChoice;
}
