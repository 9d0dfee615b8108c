/** What another process does for a program that it has started. */
export interface Host {
  /** Have a server get the connections to this address; gives the port. Rejects as the system does. */
  readonly open: (server: object, address: string, port: number) => Promise<number>;
  /** Where and how to listen, whatever the program says. */
  readonly listenOptions: () => object;
  /** Middleware that stands before the site's own. */
  readonly use: readonly unknown[];
  /** A store of sessions for a site that brings none. It outlives this process. */
  readonly makeStore: (limits: {readonly limit: number; readonly bytes: number}) => unknown;
  /** Told that a site listens at this URL. */
  readonly onListening: (site: unknown, url: string) => void;
  /** Told that all sites have closed, so that the process may end. */
  readonly onClosed: () => void;
}

/** What the command line wants of a program that it runs. */
export interface CommandLine {
  /** Whether pages may show how the site is made. */
  readonly isDevelopment?: boolean;
  /** What the process that has started this one does for it, where the command line did. */
  readonly host?: Host;
  /** Takes what a program serves, which then goes no further. */
  readonly look?: (Root: unknown, options: unknown) => void;
  /** Told that a program would listen by itself, which it then does not. */
  readonly onListen?: () => void;
  /** Told of what a decorator refuses, which then does not end the program. */
  readonly onRefusal?: (error: Error) => void;
}

const key = Symbol.for('espalier.command-line');

/** On `globalThis`, so that a program which has another copy of this package finds it too. */
const here = globalThis as {[key]?: CommandLine};

/** What the command line wants of this process; nothing where a program runs by itself. */
export function commandLine(): CommandLine {
  return here[key] ?? {};
}

/** Have the programs of this process find what is wanted of them. */
export function setCommandLine(wanted: CommandLine): void {
  here[key] = {...here[key], ...wanted};
}

/** Do that in place of what a program has asked for, which goes no further. */
export function goNoFurther(act: () => void): Promise<never> {
  act();
  return new Promise(() => undefined);
}
