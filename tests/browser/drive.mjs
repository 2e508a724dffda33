// Walks through the console as people do: a request, two approvals, output, the audit page, its story.
//
//   node drive.mjs PLAYWRIGHT_CORE_FOLDER ADDRESS SCREENSHOTS_FOLDER desktop|phone|changed
//
// `changed` only looks at the audit page of a log in which somebody has changed a record.
// Ends with 0 when everything was as it should be; otherwise says what was not.

import { createRequire } from "node:module";
import { strict as assert } from "node:assert";
import path from "node:path";

const [, , library, address, folder, form] = process.argv;
const { chromium } = createRequire(path.join(library, "package.json"))(library);

/** The longest wait for anything that must happen, milliseconds. */
const DEADLINE = 30_000;
/** Source: WCAG 2.2, 2.5.5 Target Size (Enhanced): 44 by 44 CSS pixels. */
const TARGET = 44;
const DESK = { width: 1280, height: 800 };
const SCREENS = { desktop: DESK, phone: { width: 360, height: 640 }, changed: DESK };
const COMMAND = "/kubectl delete pod api-7f -n payments --context prod --apply";

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
});
const context = await browser.newContext({
  viewport: SCREENS[form],
  hasTouch: form === "phone",
  isMobile: form === "phone",
  colorScheme: form === "phone" ? "dark" : "light",
  reducedMotion: "reduce",
});
context.setDefaultTimeout(DEADLINE);

// A page says here what went wrong in it; a navigation of our own must not lose it.
const wrong = [];
await context.exposeFunction("countersignTold", (text) => wrong.push(text));
await context.addInitScript(() => {
  document.addEventListener("securitypolicyviolation", (event) => {
    window.countersignTold(`policy: ${event.violatedDirective} ${event.blockedURI}`);
  });
});
const page = await context.newPage();
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()} (${page.url()})`);
});
page.on("pageerror", (error) => wrong.push(`script: ${error}`));
page.on("requestfailed", (request) => {
  // A poll of a page that is left is cut off; nothing else may fail.
  if (request.failure()?.errorText !== "net::ERR_ABORTED") wrong.push(`failed: ${request.url()}`);
});
page.on("response", (response) => {
  if (response.status() >= 400) wrong.push(`${response.status()}: ${response.url()}`);
  const host = new URL(response.url()).host;
  if (host !== new URL(address).host) wrong.push(`elsewhere: ${response.url()}`);
});

/** What holds on every page there is. */
async function sound(name) {
  const found = await page.evaluate((target) => {
    const says = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) {
      const wide = [...document.querySelectorAll("body *")].find((one) => one.getBoundingClientRect().right > root.clientWidth + 1);
      says.push(`scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}, by ${wide?.outerHTML.slice(0, 120)}`);
    }
    for (const one of document.querySelectorAll("body *")) {
      const style = getComputedStyle(one);
      const scrolls = ["auto", "scroll"].includes(style.overflowX) && one.scrollWidth > one.clientWidth + 1;
      if (scrolls) says.push(`a box scrolls sideways: ${one.outerHTML.slice(0, 120)}`);
    }
    if (root.lang === "") says.push("no language");
    if (document.title.trim() === "") says.push("no title");
    if (document.querySelectorAll("h1").length !== 1) says.push("not one main heading");
    if (document.querySelectorAll("main").length !== 1) says.push("not one main part");
    const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
    for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) says.push(`the id ${id} is there twice`);
    for (const one of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
      const names = `${one.getAttribute("aria-labelledby") ?? ""} ${one.getAttribute("aria-describedby") ?? ""}`;
      for (const id of names.split(" ").filter(Boolean)) if (!ids.includes(id)) says.push(`nothing has the id ${id}`);
    }
    const seen = (one) => one.checkVisibility() && one.getBoundingClientRect().width > 1;
    for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
      if (one.labels.length === 0 && !one.ariaLabel) says.push(`a field without a label: ${one.outerHTML.slice(0, 120)}`);
    }
    for (const one of document.querySelectorAll("a, button, summary")) {
      if (!seen(one)) continue;
      if (one.innerText.trim() === "" && !one.ariaLabel && !one.querySelector("img[alt]")) {
        says.push(`nothing to read on ${one.outerHTML.slice(0, 120)}`);
      }
    }
    for (const one of document.querySelectorAll("button, summary, select, input:not([type=hidden])")) {
      const { width, height } = one.getBoundingClientRect();
      if (seen(one) && (height < target || width < target)) says.push(`${width}x${height} px: ${one.outerHTML.slice(0, 120)}`);
    }
    for (const one of document.querySelectorAll("img:not([alt])")) says.push(`no words for ${one.src}`);
    return says.concat(contrasts());

    // Source: WCAG 2.2, 1.4.3 Contrast (Minimum), and its definition of relative luminance.
    function contrasts() {
      const numbers = (color) => color.match(/[\d.]+/g).map(Number);
      const luminance = ([r, g, b]) => {
        const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
        return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
      };
      const behind = (one) => {
        for (let at = one; at; at = at.parentElement) {
          const color = numbers(getComputedStyle(at).backgroundColor);
          if (color.length === 3 || color[3] === 1) return color;
        }
        return numbers(getComputedStyle(document.body).backgroundColor);
      };
      const weak = new Set();
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const one = walker.currentNode.parentElement;
        if (walker.currentNode.data.trim() === "" || !seen(one) || one.closest(":disabled, option, .sr, .skip")) continue;
        const style = getComputedStyle(one);
        const [light, dark] = [luminance(numbers(style.color)), luminance(behind(one))].sort((a, b) => b - a);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const ratio = (light + 0.05) / (dark + 0.05);
        if (ratio < (large ? 3 : 4.5)) weak.add(`contrast ${ratio.toFixed(2)}: ${one.tagName}.${one.className} “${one.innerText.slice(0, 40)}”`);
      }
      return [...weak];
    }
  }, TARGET);
  assert.deepEqual(found, [], `${name} (${form})`);
  console.log(`${form}: ${name}`);
}

async function picture(name) {
  await page.screenshot({ path: path.join(folder, `${name}-${form}.png`) });
}

async function become(person) {
  await page.goto(new URL("/who", address).href);
  await sound("the picker");
  await page.getByRole("button", { name: person }).click();
  await page.waitForURL((url) => url.pathname === "/");
}

/** Presses Tab until the focus is there, as somebody without a mouse has to. */
async function tabTo(name) {
  const there = page.getByRole("button", { name, exact: true });
  await page.locator("#main").focus();
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    if (await there.evaluate((one) => one === document.activeElement)) {
      const { outlineStyle, outlineWidth } = await there.evaluate((one) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        return { outlineStyle, outlineWidth };
      });
      assert.ok(outlineStyle !== "none" && parseFloat(outlineWidth) >= 2, `the focus on ${name} can be seen`);
      return there;
    }
  }
  throw new Error(`Tab does not lead to ${name}`);
}

/** Within the screen, and nothing lies over its middle. */
async function reachable(target, name) {
  const box = await target.boundingBox();
  assert.ok(box.width >= TARGET && box.height >= TARGET, `${name}: ${box.width}x${box.height}`);
  const { width, height } = SCREENS[form];
  assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height, `${name} is on the screen: ${JSON.stringify(box)}`);
  const top = await target.evaluate((one) => {
    const at = one.getBoundingClientRect();
    return one.contains(document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2));
  });
  assert.ok(top, `nothing covers ${name}`);
}

/** Every character of the command is drawn, inside the screen and not cut off. */
async function wholeCommand() {
  const command = page.getByLabel("The complete command", { exact: true });
  const text = (await command.innerText()).replace(/\s+/g, " ").trim();
  assert.match(text, /^kubectl delete pods\/api-7f --namespace=payments$/);
  const cut = await command.evaluate((one) => {
    const range = document.createRange();
    range.selectNodeContents(one);
    const box = one.getBoundingClientRect();
    const out = (at) => at.left < box.left - 1 || at.right > box.right + 1 || at.top < box.top - 1 || at.bottom > box.bottom + 1;
    return one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight || [...range.getClientRects()].some(out);
  });
  assert.ok(!cut, "nothing of the command is cut off");
  const drawn = await command.locator(".arg").allInnerTexts();
  assert.equal(drawn.join(" "), text);
}

async function approve(person, thread, key) {
  await become(person);
  await page.goto(thread);
  const whole = page.getByRole("button", { name: "Show the whole command" });
  if ((await whole.count()) > 0) {
    await sound("the card, before it was opened");
    await (await tabTo("Show the whole command")).press("Enter");
    await page.waitForSelector("#whole");
  }
  await wholeCommand();
  await sound("the card, to be decided");
  const button = await tabTo("Approve");
  await reachable(button, "Approve");
  if (person.startsWith("Bob")) {
    await page.evaluate(() => window.scrollTo(0, 0));
    await reachable(button, "Approve, at the top of the page");
    await picture("approve");
  }
  await page.keyboard.press(key);
  await page.waitForSelector(`#card .plain li:has-text("${person}")`);
}

async function wholeWay() {
  await ask("Dee (developer)", "/kubectl get pods -n payments --context prod", "#card .card.good");
  await page.waitForSelector("#log .output .line");
  await sound("a table");
  await ask("Dee (developer)", "/kubectl get pods -n payments --context prod; rm -rf /", ".pointed mark");
  assert.equal(await page.locator(".pointed mark").innerText(), ";", "the refusal points at it");
  await sound("a refusal");
  await become("Ann (SRE)");
  await sound("the start page");
  await page.getByLabel("Command").fill(COMMAND);
  await page.getByLabel("Command").press("Enter");
  await page.waitForURL(/\/thread\//);
  const thread = page.url().split("#")[0];
  await page.waitForSelector("#card .card.ask");
  await wholeCommand();
  await sound("the preview's card");
  assert.match(await page.locator("#card").innerText(), /delete pods .*api-7f/, "what it would do is on the card");
  assert.equal(await page.getByRole("button", { name: "Approve" }).count(), 0, "nobody approves their own request");

  await approve("Bob (SRE)", thread, "Enter");
  await approve("Cho (payments team lead)", thread, "Space");
  await page.waitForSelector("#card .card.good");
  await page.waitForSelector("#log .output .line");
  assert.match(await page.locator("#log .output").innerText(), /pod "api-7f" deleted/);
  await sound("the result");
  await page.locator("#log .output").scrollIntoViewIfNeeded();
  if (form === "desktop") await picture("result");

  await become("Eve (auditor)");
  await page.goto(new URL("/audit", address).href);
  await page.waitForSelector("#verified .verdicts");
  for (const [side, word] of [["Integrity", "nothing was changed"], ["Completeness", "nothing is missing"]]) {
    const good = page.locator("#verified .verdict.good", { hasText: `${side} ${word}` });
    assert.equal(await good.count(), 1, await page.locator("#verified").innerText());
  }
  await sound("the audit page");
  const check = page.getByRole("button", { name: "Check again" });
  const again = page.waitForResponse((response) => response.url().endsWith("/audit/verify"));
  await check.click();
  assert.equal((await again).status(), 200, "the part alone is swapped");
  await page.waitForSelector("#verified:not([hx-get]) .verdicts");
  assert.equal(new URL(page.url()).search, "");
  const filters = page.locator(".filter-fold > summary");
  if (await filters.isVisible()) await filters.click();
  await page.getByLabel("Who").fill("cho");
  await page.getByLabel("Tier").selectOption("destructive");
  await page.getByLabel("State").selectOption("ran");
  await page.getByRole("button", { name: "Search" }).click();
  await page.waitForURL(/who=cho/);
  const entry = page.locator(".timeline .entry");
  assert.equal(await entry.count(), 1, "whoever agreed is found as well");
  await entry.locator("summary").click();
  assert.match(await entry.innerText(), /ballot[^]*Cho[^]*outcome/);
  await sound("a search");
  await entry.locator("summary").click();
  await page.goto(new URL("/audit", address).href);
  await page.waitForSelector("#verified:not([hx-get]) .verdicts");
  await picture("audit");

  await page.locator(".timeline .entry a", { hasText: COMMAND }).click();
  await page.waitForURL(/\/audit\/story\//);
  const story = await page.locator("main").innerText();
  for (const part of ["What was asked", "What was decided and shown", "Who agreed", "What ran", "What came out", "Bob (SRE)", "Cho (payments team lead)", "ran, exit 0"]) {
    assert.ok(story.includes(part), `${part} in the story`);
  }
  await sound("the story");
  if (form === "desktop") await picture("story");
  for (const fold of await page.locator(".chapter-fold summary").all()) await fold.click();
  await sound("the story, unfolded");
  await page.emulateMedia({ media: "print" });
  await sound("the story on paper");
  await page.emulateMedia({ media: null });
  await page.goto(new URL("/audit?event=log-read&who=eve", address).href);
  assert.ok((await page.locator(".timeline .entry").count()) >= 1, "the reading is on record");
  await sound("who read the log");
  await page.goto(new URL("/inbox", address).href);
  await sound("the inbox");
}

/** Types a line as this person, and waits for what is there in the end. */
async function ask(person, text, until) {
  await become(person);
  await page.getByLabel("Command").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
  await page.waitForSelector(until);
}

async function changedLog() {
  await become("Eve (auditor)");
  await page.goto(new URL("/audit", address).href);
  await page.waitForSelector("#verified .verdicts");
  const verified = page.locator("#verified");
  assert.equal(await verified.locator(".verdict.bad", { hasText: "Integrity something was changed" }).count(), 1, await verified.innerText());
  await sound("the audit page of a changed log");
}

await page.goto(address);
await (form === "changed" ? changedLog() : wholeWay());
assert.deepEqual(wrong, [], "no errors, and nothing that the policy had to stop");
await browser.close();
console.log(`${form}: everything as it should be`);
