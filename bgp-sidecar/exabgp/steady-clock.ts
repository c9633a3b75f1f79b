/**
 * ExaBGP counts its hold time on the wall clock (reactor/protocol.py, timer.py: time.time()): set forward by more
 * than the hold time it ends every session, set back it is silent until its peers end them. Python runs a module
 * named sitecustomize before any program; ours puts the monotonic clock in the place of time.time().
 */
export const steadyClockFile = 'sitecustomize.py';

export const steadyClockText = `import time
ahead = time.time() - time.monotonic()
time.time = lambda: time.monotonic() + ahead
`;
