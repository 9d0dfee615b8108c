import {serve} from 'espalier';
import {Home} from './home.ts';

await serve(Home, {
  trustProxy: process.env['TRUST_PROXY'] ?? false,
  // Another name than those of other sites on this host.
  sessions: {cookie: {name: '{{name}}'}, insecure: process.env['INSECURE_HTTP'] === 'yes'},
});
