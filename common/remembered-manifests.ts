import { describeManifest, type Manifest, parseManifests } from './manifests.ts';

interface Document {
  readonly text: string;
  readonly objects: readonly Manifest[];
}

/**
 * Reads the manifests of one file again and again. A document that stands there as it did before gives the very objects
 * of before: of five hundred endpoints in slices of a hundred, one that changes is read with ninety-nine others.
 */
export function rememberManifests(): typeof parseManifests {
  let known = new Map<string, Document>();
  return (text, fileName) => {
    const documents: Document[] = [];
    for (const each of splitDocuments(text)) {
      const document = known.get(each) ?? readOne(each, fileName);
      // What is wrong is told with its number and line in the file.
      if (document === undefined) return parseManifests(text, fileName);
      documents.push(document);
    }
    const objects = documents.flatMap((document) => document.objects);
    if (new Set(objects.map(describeManifest)).size < objects.length) return parseManifests(text, fileName);
    known = new Map(documents.map((document) => [document.text, document]));
    return { objects, problems: [] };
  };
}

function readOne(text: string, fileName: string): Document | undefined {
  const { objects, problems } = parseManifests(text, fileName);
  // A copy of the text: a part of one keeps all of it in memory.
  return problems.length > 0 ? undefined : { text: Buffer.from(text).toString(), objects };
}

/**
 * Before lines of `---`, which separate documents wherever they stand (YAML 1.2.2, 9.1.2, c-forbidden); nowhere when a
 * directive or another marker gives the lines around them a meaning, nor where the first part would pass for JSON,
 * which is read with less care than YAML (a key that is there twice).
 */
function splitDocuments(text: string): string[] {
  const otherMarker = /^\s*[{[]|(?:^|\n)(?:%|\.\.\.|---#|---[ \t]*[^ \t\r\n#])/;
  return otherMarker.test(text) ? [text] : text.split(/(?<=\n)(?=---[^\r\n]*\r?\n)/);
}
