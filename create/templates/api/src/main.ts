import {ContainerModule, serve} from 'espalier';
import {accessLog} from 'espalier/builtin';
import {Api} from './api.ts';
import {Notes} from './notes.ts';

const services = new ContainerModule(({bind}) => {
  bind(Notes).toSelf().inSingletonScope();
});

await serve(Api, {
  use: [accessLog()],
  modules: [services],
  trustProxy: process.env['TRUST_PROXY'] ?? false,
  // Another name than those of other sites on this host.
  sessions: {cookie: {name: '{{name}}'}, insecure: process.env['INSECURE_HTTP'] === 'yes'},
});
