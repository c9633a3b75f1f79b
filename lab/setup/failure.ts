/** Set-up did not succeed; the message is for the reader: which step, why and what to do. */
export class SetUpFailure extends Error {}
