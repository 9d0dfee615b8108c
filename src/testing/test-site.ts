import {ContainerModule} from 'inversify';
import {Clock} from '../clock.ts';
import {Logger} from '../logger.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {createSite, type Site, type SiteOptions} from '../site.ts';
import {Client} from './client.ts';
import {TestClock} from './test-clock.ts';

/** A line that a site would have logged. */
export interface LogLine {
  readonly level: 'error' | 'warn';
  readonly message: string;
  readonly error?: unknown;
}

/** A site to be tested, with the clock that it lives by and what it has logged. */
export interface TestSite {
  readonly site: Site;
  readonly clock: TestClock;
  readonly log: readonly LogLine[];
  /** A new visitor, at `http://localhost` unless another origin is given. */
  readonly visitor: (origin?: string) => Client;
}

/** Compose a site as `createSite` does, with a clock to be turned by hand and a log to be looked at. */
export function testSite(Root: ResourceClass, options: SiteOptions = {}): TestSite {
  const clock = new TestClock();
  const log: LogLine[] = [];
  const logger: Logger = {
    error: (message, error) => log.push({level: 'error', message, error}),
    warn: message => log.push({level: 'warn', message}),
  };
  const doubles = new ContainerModule(({bind}) => {
    bind(Clock).toConstantValue(clock);
    bind(Logger).toConstantValue(logger);
  });
  const site = createSite(Root, {...options, modules: [doubles, ...(options.modules ?? [])]});
  return {site, clock, log, visitor: origin => new Client(site, origin)};
}
