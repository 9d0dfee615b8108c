import express from 'express';
import {isEquipped} from './equipment.js';
import {csrf, equipment} from './express-equipment.js';
import {sessions} from './express-session.js';
import {order} from './order.js';

const app = express();
app.disable('x-powered-by');
// A route without a session stands before what gives it one.
app.post('/validated', express.json(), (request, response) => {
  const {success, data, error} = order.safeParse(request.body);
  if (!success) return response.status(422).json({errors: error.issues});
  response.json({...data, state: 'taken'});
});
if (isEquipped) app.use(equipment());
app.use(sessions());
if (isEquipped) {
  app.use(csrf());
  app.get('/token', (request, response) => {
    response.type('text').send(request.csrfToken());
  });
}
app.get('/ping', (_request, response) => {
  response.type('text').send('pong');
});
app.all('/', (request, response) => {
  request.session.isBegun ??= true;
  response.type('text').send(`Your session id is: ${request.session.id}`);
});
app.get('/count', (request, response) => {
  request.session.count = (request.session.count ?? 0) + 1;
  response.type('text').send(String(request.session.count));
});
app.post('/sign-in', (request, response) => {
  request.session.user = 'ada';
  response.type('text').send('Welcome.');
});

function requireLogin(request, response, next) {
  if (request.session.user !== undefined) return next();
  response.status(401).type('text').send('Sign in first.');
}

const members = express.Router();
members.use(requireLogin);
members.get('/page', (_request, response) => {
  response.type('text').send('for members');
});
app.use('/members', members);

const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}`);
});
