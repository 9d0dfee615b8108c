import express from 'express';
import session from 'express-session';

const app = express();
app.disable('x-powered-by');
app.use(
  session({
    name: 'sid',
    secret: 'a secret of no worth, for measuring only',
    resave: false,
    saveUninitialized: false,
    rolling: true,
    cookie: {sameSite: 'lax', maxAge: 15 * 60 * 1000},
  }),
);
app.get('/ping', (_request, response) => {
  response.type('text').send('pong');
});
app.get('/', (request, response) => {
  request.session.isBegun ??= true;
  response.type('text').send(`Your session id is: ${request.session.id}`);
});
app.get('/count', (request, response) => {
  request.session.count = (request.session.count ?? 0) + 1;
  response.type('text').send(String(request.session.count));
});

const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}`);
});
