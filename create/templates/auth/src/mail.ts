/** A mail to one person. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Sends mails. Write one for the service that you use, and bind it in `main.ts`. */
export interface Mailer {
  send(mail: Mail): Promise<void>;
}

/** The token that a `Mailer` is bound to. */
export const Mailer = Symbol('Mailer');

/** While you develop: mails are printed. */
export class PrintingMailer implements Mailer {
  async send({to, subject, text}: Mail): Promise<void> {
    process.stdout.write(`\nMail to ${to}: ${subject}\n${text}\n\n`);
  }
}

/** In production nothing may be printed: whoever reads the log could use the links. */
export class NoMailer implements Mailer {
  constructor() {
    process.stderr.write('No mail can be sent, so nobody can sign up: bind a Mailer of your own in src/main.ts.\n');
  }

  async send(): Promise<void> {
    throw new Error('No mail can be sent: bind a Mailer of your own in src/main.ts.');
  }
}
