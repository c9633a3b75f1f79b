/** The handlers of the starter (lab/setup/starter.ts), which ends a program that is not ready for a signal yet, go. */
export function onStopSignal(handler: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT']) process.removeAllListeners(signal).on(signal, handler);
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
export function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = () => {
      if (asked) process.exit(143);
      asked = true;
      resolve();
    };
    onStopSignal(onSignal);
  });
}
