import {Container, ContainerModule, type ServiceIdentifier} from 'inversify';
import {Clock} from '../clock.ts';
import {Logger} from '../logger.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {checkOptions, kind, type Kinds} from '../options.ts';
import {composeSite, siteKinds, type Site, type SiteOptions} from '../site.ts';
import {Client} from './client.ts';
import {TestClock} from './test-clock.ts';

/** A line that a site would have logged. */
export interface LogLine {
  readonly level: 'error' | 'warn' | 'info';
  readonly message: string;
  readonly error?: unknown;
  readonly fields?: Readonly<Record<string, unknown>>;
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
  /** A new visitor who has signed in as this user, in a session of their own. */
  readonly as: (user: string, origin?: string) => Client;
}

/** How a site is composed for a test. */
export interface TestSiteOptions extends SiteOptions {
  /** Doubles, each with the token of what it stands for, as `[[Weather, sunny]]`. Default: none. */
  readonly replace?: readonly (readonly [token: ServiceIdentifier, double: unknown])[];
}

const testSiteKinds: Kinds<TestSiteOptions> = {
  ...siteKinds,
  replace: kind(
    'a list of pairs, of a token and its double',
    value =>
      Array.isArray(value) && value.every(pair => Array.isArray(pair) && pair.length === 2 && pair[0] !== undefined),
  ),
};

/**
 * Compose a site as `createSite` does, with a clock to be turned by hand and a log to be looked at, in place of those that
 * the container or the modules bind, and with the doubles of `replace` in place of what is bound to their tokens. The site has a container below the one that is given, whose
 * singletons, once made, are the same for each test. What handlers return is held against the schemas of their results.
 */
export function testSite(Root: ResourceClass, options: TestSiteOptions = {}): TestSite {
  checkOptions('testSite()', options, testSiteKinds);
  const {container: parent, modules = [], replace = [], ...others} = options;
  const clock = new TestClock();
  const log: LogLine[] = [];
  const container = new Container(parent && {parent});
  const composed = {...others, container, modules: [...modules, doubles(clock, log, replace)]};
  const site = composeSite(Root, composed, {checksResults: true});
  return {
    site,
    clock,
    log,
    visitor: origin => new Client(site, origin),
    as: (user, origin) => Client.signedIn(site, user, origin),
  };
}

function doubles(clock: TestClock, log: LogLine[], replace: NonNullable<TestSiteOptions['replace']>): ContainerModule {
  const logger: Logger = {
    error: (message, error) => log.push({level: 'error', message, error}),
    warn: message => log.push({level: 'warn', message}),
    info: (message, fields) => log.push({level: 'info', message, ...(fields && {fields})}),
  };
  return new ContainerModule(({rebind}) => {
    rebind(Clock).toConstantValue(clock);
    rebind(Logger).toConstantValue(logger);
    for (const [token, double] of replace) rebind(token).toConstantValue(double);
  });
}
