import {serve} from 'espalier';
import {Home} from './site.ts';

await serve(Home, {sessions: {insecure: true}});
