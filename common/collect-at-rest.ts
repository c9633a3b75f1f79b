import { getHeapStatistics } from 'node:v8';

/** As soon as nothing more came of a change: the next one finds the processor free, unless it comes just then. */
const soonMs = 100;
/** Less is not worth a collection, which goes through all that lives: 40 ms in the lab's kernel. */
const muchBytes = 4e6;

/**
 * Garbage is collected between the things that happen instead of amidst one: much of it right after, all of it once
 * nothing has happened for a while, and again and again until something does (a program that only looks whether all is
 * well makes some too). V8 would wait until it needs the room, which is when there is work. Where the collector is not
 * to be had (the sources run without their starter) nothing happens.
 */
export function collectAtRest(restMs: number, usedBytes = usedByHeap): () => void {
  let soon: NodeJS.Timeout | undefined;
  let resting: NodeJS.Timeout | undefined;
  let leftBytes = Number.POSITIVE_INFINITY;
  const collect = () => {
    globalThis.gc?.();
    leftBytes = usedBytes();
  };
  return () => {
    // V8 collects too; and what the program's start left waits, since nothing is announced yet.
    leftBytes = Math.min(leftBytes, usedBytes());
    const muchIsLeft = leftBytes + muchBytes;
    clearTimeout(soon);
    clearInterval(resting);
    soon = setTimeout(() => usedBytes() > muchIsLeft && collect(), soonMs).unref();
    resting = setInterval(collect, restMs).unref();
  };
}

function usedByHeap(): number {
  return getHeapStatistics().used_heap_size;
}
