// Has llama.cpp open files of GGUF, by node-llama-cpp. Arguments: the folder that has it in node_modules, and a JSON file
// of questions: [{"model": path, "texts": […], "ids": [[…]]}] asks for tokens and embeddings, and with "prompt": [ids] and
// "count": n for the tokens that follow, the most probable one each time. What it says goes to a third file, in their order.
import fs from "node:fs";
import path from "node:path";
import {pathToFileURL} from "node:url";

const [folder, file, out] = process.argv.slice(2);
const library = path.resolve(folder, "node_modules/node-llama-cpp/dist/index.js");
const {getLlama} = await import(pathToFileURL(library));
const llama = await getLlama({gpu: false, build: "never", skipDownload: true, logLevel: "warn", maxThreads: 1});
const answers = [];
for (const question of JSON.parse(fs.readFileSync(file))) {
    const model = await llama.loadModel({modelPath: question.model});
    const answer = {tokens: (question.texts ?? []).map((text) => model.tokenize(text, false))};
    if (question.ids) {
        const context = await model.createEmbeddingContext();
        answer.vectors = [];
        for (const ids of question.ids)
            answer.vectors.push([...(await context.getEmbeddingFor(ids)).vector]);
        await context.dispose();
    }
    if (question.prompt) {
        const context = await model.createContext({contextSize: question.prompt.length + question.count + 1});
        answer.following = [];
        for await (const token of context.getSequence().evaluate(question.prompt, {temperature: 0, yieldEogToken: true})) {
            answer.following.push(token);
            if (answer.following.length === question.count)
                break;
        }
        await context.dispose();
    }
    await model.dispose();
    answers.push(answer);
}
fs.writeFileSync(out, JSON.stringify({release: llama.llamaCppRelease.release, answers}));
process.exit(0);
