import * as z from 'zod';
import { expects } from '../schema.ts';

/** RFC 6793; never 0 (RFC 7607), 23456 (RFC 6793), 65535 and 4294967295 (RFC 7300). */
const words = 'an AS number from 1 to 4294967294, not 23456 or 65535';

export const asNumber = z
  .int(expects(words))
  .refine((as) => as >= 1 && as <= 4_294_967_294 && as !== 23_456 && as !== 65_535, expects(words));
