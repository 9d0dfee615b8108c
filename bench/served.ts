// The site as its own server answers.
import {serve} from '../src/index.ts';
import {Root} from './site.ts';

await serve(Root, {sessions: {insecure: true}});
