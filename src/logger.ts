import {serviceToken} from './service-token.ts';
/** Where Espalier says what an operator should know; `console` is one. Bind another to the token `Logger` to replace it. */
export interface Logger {
  /** Something failed: a request that ended in a 500, a callback that threw. */
  error(message: string, error?: unknown): void;
  /** Something works, but not as it was probably meant. */
  warn(message: string): void;
  /** Something went as it should: a line of the access log, with its fields where they are not in the line. */
  info?(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** What a container finds a `Logger` by. */
export const Logger = serviceToken<Logger>('Logger');

/** Log an error, if there is one. A logger that fails in turn, at once or later, must not bring down what it was to report on. */
export function report(logger: Logger, message: string, error?: unknown): void {
  // `console` would print an `undefined` at the end of the line.
  void attempt(() => (error === undefined ? logger.error(message) : logger.error(message, error)));
}

/** Log a warning; a logger that fails is no matter here either. */
export function warn(logger: Logger, message: string): void {
  void attempt(() => logger.warn(message));
}

/** Log what went as it should; a logger that fails is no matter here either. */
export function inform(logger: Logger, message: string, fields?: Readonly<Record<string, unknown>>): void {
  void attempt(() => (fields === undefined ? logger.info?.(message) : logger.info?.(message, fields)));
}

async function attempt(tell: () => unknown): Promise<void> {
  try {
    await tell();
  } catch {
    // Nobody is left to be told.
  }
}
