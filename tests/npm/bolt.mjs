// @slack/bolt as the rival of the acknowledgement bench: verifies the signature of a slash command and acknowledges it,
// with nothing behind. Says the port it listens on; ends when its input does.
import { createRequire } from 'node:module';

const [packages, signingSecret] = process.argv.slice(2);
const { App, HTTPReceiver, LogLevel } = createRequire(`${packages}/package.json`)('@slack/bolt');
const logLevel = LogLevel.ERROR;
const receiver = new HTTPReceiver({ signingSecret, endpoints: '/slack/commands', logLevel });
const authorize = async () => ({ botToken: 'xoxb-none', botId: 'B1', botUserId: 'U0' });
const app = new App({ receiver, authorize, logLevel });
app.command('/kubectl', async ({ ack }) => ack());
const server = await app.start({ port: 0, host: '127.0.0.1' });
console.log(String(server.address().port));

for await (const _ of process.stdin);
process.exit(0);
