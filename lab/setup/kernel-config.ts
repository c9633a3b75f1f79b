/** The lines of a wanted configuration that the kernel's own configuration did not take. */
export function refusedLines(wanted: string, config: string): string[] {
  const taken = new Set(config.split('\n'));
  return wanted
    .split('\n')
    .filter((line) => line.startsWith('CONFIG_'))
    .filter((line) => !taken.has(line) && !taken.has(notSet(line)))
    .filter((line) => !(line.endsWith('=n') && !config.includes(`\n${line.slice(0, -1)}`)));
}

/** CONFIG_X=n is written "# CONFIG_X is not set", or not at all where nothing offers X. */
function notSet(line: string): string {
  return line.endsWith('=n') ? `# ${line.slice(0, -2)} is not set` : line;
}
