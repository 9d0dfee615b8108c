import {ContainerModule, SessionStore, serve} from 'espalier';
import {accessLog} from 'espalier/builtin';
import {securityHeaders} from 'espalier/builtin/security-headers';
import {SqliteStore} from 'espalier/store/sqlite';
import {Accounts} from './accounts.ts';
import {errorPage} from './errors.ts';
import {Home} from './home.ts';
import {Mailer, NoMailer, PrintingMailer} from './mail.ts';
import {databasePath, settings} from './settings.ts';

const services = new ContainerModule(({bind}) => {
  bind(Accounts)
    .toDynamicValue(() => new Accounts(databasePath('accounts.db')))
    .inSingletonScope()
    .onDeactivation(accounts => accounts.close());
  bind(SessionStore)
    .toDynamicValue(() => new SqliteStore({path: databasePath('sessions.db')}))
    .inSingletonScope();
  bind(Mailer)
    .toDynamicValue(() => (settings.production ? new NoMailer() : new PrintingMailer()))
    .inSingletonScope();
});

await serve(Home, {
  use: [accessLog({hide: ['token']}), securityHeaders()],
  onError: errorPage,
  modules: [services],
  trustProxy: settings.trustProxy,
  // Another name than those of other sites on this host.
  sessions: {cookie: {name: '{{name}}'}, insecure: settings.insecure},
});
