import { expect } from 'chai';
import fc from 'fast-check';
import { parseManifests } from '../../../common/manifests.ts';
import { rememberManifests } from '../../../common/remembered-manifests.ts';

const fileName = 'web.yaml';

function slice(name: string, address: string): string {
  return `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: "", port: 8080 }]
endpoints:
  - addresses: [${address}]
`;
}

describe('manifests of a file that is read again', () => {
  it('gives the very object of before for a document that stands as it was, and a new one for another', () => {
    const parse = rememberManifests();
    const first = parse(`${slice('a', '10.1.0.1')}---\n${slice('b', '10.1.0.2')}`, fileName);
    const second = parse(`---\n${slice('b', '10.1.0.2')}---\n${slice('a', '10.1.0.9')}`, fileName);
    expect(second.objects[0]).to.equal(first.objects[1]);
    expect(second.objects[1]).to.deep.include({ endpoints: [{ addresses: ['10.1.0.9'] }] });
  });

  it('tells what is wrong by its place in the whole file, and reads on from what was good', () => {
    const parse = rememberManifests();
    const good = parse(`${slice('a', '10.1.0.1')}---\n${slice('b', '10.1.0.2')}`, fileName);
    const bad = parse(`${slice('a', '10.1.0.1')}---\n${slice('b', '10.1.0.2')}  - adresses: [`, fileName);
    expect(bad.objects).to.deep.equal([]);
    expect(bad.problems.map(({ message }) => message).join()).to.match(/^web\.yaml:1[67]: /);
    const again = parse(`${slice('a', '10.1.0.1')}---\n${slice('b', '10.1.0.3')}`, fileName);
    expect(again.objects[0]).to.equal(good.objects[0]);
  });

  it('reads every sequence of texts as if each were the first', () => {
    const document = fc.constantFrom(
      '',
      '# nothing\n',
      slice('a', '10.1.0.1'),
      slice('a', '10.1.0.2'),
      slice('b', '10.1.0.1'),
      slice('c', '10.1.0.300'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: web }\ndata:\n  text: |+\n    ---\n\n',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: web }\ndata: "two\n---\nlines"\n',
      '{"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"ports":[{"port":80}]}}\n',
      '{"apiVersion":"v1","kind":"Service","metadata":{"name":"api"},"spec":{"ports":[{"port":80,"port":81}]}}\n',
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: db\n  annotations:\n    a: |+\n      kept\n\n\nspec: { ports: [{ port: 80 }] }\n\n',
      'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: none }] }\n',
      'just a word\n',
      '- [\n',
    );
    const marker = fc.constantFrom(
      '---\n',
      '--- # said\n',
      '---\r\n',
      '---\r',
      '---',
      '---#\n',
      '----\n',
      '...\n',
      '...\n%YAML 1.2\n---\n',
      '--- |\n',
      '\u2028---\n',
      ' ---\n',
    );
    const text = fc
      .array(fc.tuple(document, marker), { maxLength: 4 })
      .map((pairs) => pairs.map(([each, after]) => each + after).join(''));
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (texts) => {
        const parse = rememberManifests();
        for (const each of texts)
          expect(parse(each, fileName), JSON.stringify(each)).to.deep.equal(parseManifests(each, fileName));
      }),
      { numRuns: 2000 },
    );
  });
});
