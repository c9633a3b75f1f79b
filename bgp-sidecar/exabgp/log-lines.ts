/** ExaBGP's log says no level: it is read from the words. Pure. */
import type { Level } from '../../common/log.ts';

export interface LogLine {
  level: Level;
  source: string;
  text: string;
  /** what the supervisor acts on */
  meaning?: 'reloaded' | 'not-reloaded' | 'no-neighbors';
}

const shape = /^\d\d:\d\d:\d\d \| \d+\s*\| (\S+)\s*\| (.*)$/;
export function readLogLine(line: string): LogLine | undefined {
  const [, source = 'output', text = line.trim()] = shape.exec(line) ?? [];
  if (text === '') return undefined;
  if (/loaded new configuration successfully/.test(text))
    return { level: 'debug', source, text, meaning: 'reloaded' };
  if (/^not reloaded/.test(text)) return { level: 'error', source, text, meaning: 'not-reloaded' };
  if (/lost the helper process|no neighbor matching the command : (announce|withdraw)/.test(text))
    return { level: 'warn', source, text, meaning: 'no-neighbors' };
  if (
    /Too many death|could not drop privileges|issue|invalid|syntax error|problem|could not|error/i.test(text)
  )
    return { level: 'warn', source, text };
  // a Python traceback, the words of a configuration that is refused, socat's complaints
  if (source === 'output' || (source === 'configuration' && !/^performing/.test(text)))
    return { level: 'warn', source, text };
  // routes, sessions, signals: our own log says it better
  return { level: 'debug', source, text };
}
