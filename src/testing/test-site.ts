import {Container, ContainerModule} from 'inversify';
import {Clock} from '../clock.ts';
import {Logger} from '../logger.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {checkOptions} from '../options.ts';
import {createSite, siteKinds, type Site, type SiteOptions} from '../site.ts';
import {Client} from './client.ts';
import {TestClock} from './test-clock.ts';

/** A line that a site would have logged. */
export interface LogLine {
  readonly level: 'error' | 'warn';
  readonly message: string;
  readonly error?: unknown;
}

/** A site to be tested. */
export interface TestSite {
  readonly site: Site;
  /** The clock that the site lives by. */
  readonly clock: TestClock;
  /** What the site has logged. */
  readonly log: readonly LogLine[];
  /** A new visitor, at `http://localhost` unless another origin is given. */
  readonly visitor: (origin?: string) => Client;
}

/**
 * Compose a site as `createSite` does, with a clock to be turned by hand and a log to be looked at, in place of those that
 * the container or the modules bind. The site has a container below the one that is given, whose
 * singletons, once made, are the same for each test.
 */
export function testSite(Root: ResourceClass, options: SiteOptions = {}): TestSite {
  checkOptions('testSite()', options, siteKinds);
  const {container: parent, modules = []} = options;
  const clock = new TestClock();
  const log: LogLine[] = [];
  const container = new Container(parent && {parent});
  const site = createSite(Root, {...options, container, modules: [...modules, doubles(clock, log)]});
  return {site, clock, log, visitor: origin => new Client(site, origin)};
}

function doubles(clock: TestClock, log: LogLine[]): ContainerModule {
  const logger: Logger = {
    error: (message, error) => log.push({level: 'error', message, error}),
    warn: message => log.push({level: 'warn', message}),
  };
  return new ContainerModule(({rebind}) => {
    rebind(Clock).toConstantValue(clock);
    rebind(Logger).toConstantValue(logger);
  });
}
