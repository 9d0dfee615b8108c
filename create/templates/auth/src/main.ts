import {join} from 'node:path';
import {ContainerModule, SessionStore, serve} from 'espalier';
import {accessLog} from 'espalier/builtin';
import {securityHeaders} from 'espalier/builtin/security-headers';
import {SqliteStore} from 'espalier/store/sqlite';
import {Accounts} from './accounts.ts';
import {errorPage} from './errors.ts';
import {Home} from './home.ts';
import {Mailer, NoMailer, PrintingMailer} from './mail.ts';
import {settings} from './settings.ts';

const services = new ContainerModule(({bind}) => {
  bind(Accounts)
    .toConstantValue(new Accounts(join(settings.data, 'accounts.db')))
    .onDeactivation(accounts => accounts.close());
  bind(SessionStore).toConstantValue(new SqliteStore({path: join(settings.data, 'sessions.db')}));
  bind(Mailer).toConstantValue(settings.production ? new NoMailer() : new PrintingMailer());
});

await serve(Home, {
  use: [accessLog({hide: ['token']}), securityHeaders()],
  onError: errorPage,
  modules: [services],
  trustProxy: settings.trustProxy,
  // Another name than those of other sites on this host.
  sessions: {cookie: {name: '{{name}}'}},
});
