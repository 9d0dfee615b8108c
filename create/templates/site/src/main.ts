import {serve} from 'espalier';
import {accessLog} from 'espalier/builtin';
import {securityHeaders} from 'espalier/builtin/security-headers';
import {errorPage} from './errors.ts';
import {Home} from './home.ts';

await serve(Home, {
  use: [accessLog(), securityHeaders()],
  onError: errorPage,
  trustProxy: process.env['TRUST_PROXY'] ?? false,
  // Another name than those of other sites on this host.
  sessions: {cookie: {name: '{{name}}'}, insecure: process.env['INSECURE_HTTP'] === 'yes'},
});
