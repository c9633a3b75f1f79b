import { readFile } from 'node:fs/promises';
import { describeSystemError } from '../common/files.ts';
import type { Problem } from '../common/problem.ts';
import { problems } from './errors.ts';

export async function readPassword(peer: string, file: string): Promise<string | Problem> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    return problems.PASSWORD_UNREADABLE(peer, file, describeSystemError(error));
  }
  // a Secret made by `echo` or an editor ends in a newline that is not part of it
  const password = text.replace(/\r?\n$/, '');
  const bytes = Buffer.byteLength(password);
  // TCP_MD5SIG_MAXKEYLEN, include/uapi/linux/tcp.h
  return bytes >= 1 && bytes <= 80 ? password : problems.PASSWORD_LENGTH(peer, file, bytes);
}
