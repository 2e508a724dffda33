// BullMQ as the rival of the queue bench: for every line read, adds one job with that payload and says after how many
// nanoseconds its worker had begun it. Queue and worker have connections of their own, as two processes would.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [packages, port] = process.argv.slice(2);
const { Queue, Worker } = createRequire(`${packages}/package.json`)('bullmq');
const connection = () => ({ host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null });

let begun = () => {};
const queue = new Queue('bench', { connection: connection() });
const worker = new Worker('bench', async () => begun(process.hrtime.bigint()), { connection: connection() });
const failed = (error) => {
  console.error(error);
  process.exit(1);
};
queue.on('error', failed);
worker.on('error', failed);
await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
console.log('ready');

for await (const load of createInterface({ input: process.stdin })) {
  const completed = new Promise((resolve) => worker.once('completed', resolve));
  const started = new Promise((resolve) => (begun = resolve));
  const asked = process.hrtime.bigint();
  await queue.add('job', { load }, { removeOnComplete: true });
  const elapsed = (await started) - asked;
  await completed;
  console.log(String(elapsed));
}
process.exit(0);
