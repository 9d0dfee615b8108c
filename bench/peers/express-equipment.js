// CORS, security headers, access log and CSRF as Express's and Nest's servers both use them.
import cors from 'cors';
import {csrfSync} from 'csrf-sync';
import helmet from 'helmet';
import morgan from 'morgan';
import {nowhere, origin} from './equipment.js';

/** What needs no session, and so comes before it. */
export const equipment = () => [morgan('combined', {stream: nowhere}), helmet(), cors({origin, credentials: true})];

/** The check of tokens, which are in the session. It gives each request the function `csrfToken`. */
export const csrf = () => csrfSync().csrfSynchronisedProtection;
