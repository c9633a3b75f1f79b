export const kernelNames = ['host', 'latest', '6.1'] as const;
export type KernelName = (typeof kernelNames)[number];

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

/** One thing that set-up makes. Steps run one after the other; one that is done is skipped without a word. */
export interface Step {
  /** For the reader, with what to expect: "Debian trixie for the lab, 330 MB". */
  title: string;
  isDone(): boolean | Promise<boolean>;
  run(tools: StepTools): Promise<void>;
  /** What the reader can do when it fails. */
  remedy: string;
}

/** What a step works with: everything it does is in the step's log. */
export interface StepTools {
  /** Runs a command to its end, its output to the log. It dies with set-up. Throws with the command's name. */
  command(argv: string[], options?: CommandOptions): Promise<void>;
  /** Makes a folder as a whole: `make` fills a temporary one beside it, which is renamed when all went well. */
  makeFolder(target: string, make: (temporary: string) => Promise<void>): Promise<void>;
  log(line: string): void;
}

export interface CommandOptions {
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string;
  /** For commands that change the machine (apt-get install): never killed half-way. */
  mustFinish?: 'yes';
}
