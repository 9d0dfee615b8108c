// For the workload `equipped`: what stands before every resource, as the peers have it.
import {accessLog, cors} from '../src/builtin/index.ts';
import {securityHeaders} from '../src/builtin/security-headers.ts';
import {ContainerModule, Logger, type SiteOptions} from '../src/index.ts';

const origin = 'https://app.shop.example';

const silentLogger = new ContainerModule(({bind}) => {
  bind(Logger).toConstantValue({info() {}, warn: console.warn, error: console.error});
});

const equipped: SiteOptions = {
  modules: [silentLogger],
  use: [accessLog(), securityHeaders(), cors({origins: [origin], credentials: true})],
  csrf: {origins: [origin]},
};

/** How the site is composed, in every workload. */
export const options: SiteOptions = {
  sessions: {insecure: true},
  ...(process.env['EQUIPPED'] !== undefined && equipped),
};
