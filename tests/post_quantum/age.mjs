// The commands of age 1.3 that the tests and the break-glass sheets use, by typage: a second implementation.
//
//   age.mjs -d -i IDENTITY [-o OUTPUT] [FILE]     age.mjs -r RECIPIENT… -o OUTPUT      age.mjs -y IDENTITY      age.mjs -pq
import { readFileSync, writeFileSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";

const module = `${process.env.TYPAGE}/node_modules/age-encryption/dist/index.js`;
const { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } = await import(pathToFileURL(module));

const given = process.argv.slice(2);
const identityOf = (path) => readFileSync(path, "utf8").split("\n").find((line) => line.startsWith("AGE-SECRET-KEY-")).trim();
const options = { recipients: [], rest: [] };
while (given.length > 0) {
    const word = given.shift();
    if (word === "-d" || word === "-pq") options.mode = word;
    else if (word === "-y") [options.mode, options.identity] = [word, given.shift()];
    else if (word === "-i") options.identity = given.shift();
    else if (word === "-r") options.recipients.push(given.shift());
    else if (word === "-o") options.output = given.shift();
    else options.rest.push(word);
}
const put = (bytes) => {
    if (options.output) writeFileSync(options.output, bytes);
    else for (let done = 0; done < bytes.length; ) done += writeSync(1, bytes, done);
};
if (options.mode === "-pq") {
    put(Buffer.from(`${await generateHybridIdentity()}\n`));
} else if (options.mode === "-y") {
    put(Buffer.from(`${await identityToRecipient(identityOf(options.identity))}\n`));
} else if (options.mode === "-d") {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identityOf(options.identity));
    put(await decrypter.decrypt(readFileSync(options.rest[0] ?? 0)));
} else {
    const encrypter = new Encrypter();
    options.recipients.forEach((recipient) => encrypter.addRecipient(recipient));
    put(await encrypter.encrypt(readFileSync(options.rest[0] ?? 0)));
}
