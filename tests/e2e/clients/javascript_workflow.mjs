// The AWS SDK for JavaScript v3 as its users write it.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The packages live in the environment of the clients, not beside this file.
const [modules, w, bucket, listed] = [process.argv[2], JSON.parse(process.argv[3]), ...process.argv.slice(4)];
const resolve = createRequire(`${modules}/package.json`).resolve;
const load = (name) => import(pathToFileURL(resolve(name)));
const S3 = await load("@aws-sdk/client-s3");
const { Upload } = await load("@aws-sdk/lib-storage");
const { getSignedUrl } = await load("@aws-sdk/s3-request-presigner");

const s3 = new S3.S3({ forcePathStyle: true, endpoint: process.env.AWS_ENDPOINT_URL_S3, region: "us-east-1" });
const read = async (members) => (await s3.getObject({ Bucket: bucket, ...members })).Body;
const text = async (members) => (await read(members)).transformToString();
const count = async (Prefix) => (await s3.listObjectsV2({ Bucket: bucket, Prefix })).KeyCount;
const saw = {};

await s3.createBucket({ Bucket: bucket });
saw.create = (await s3.listBuckets({})).Buckets.some((one) => one.Name === bucket);
saw.put = "ChecksumCRC32" in (await s3.putObject({ Bucket: bucket, Key: w.key, Body: w.text }));
const large = Buffer.alloc(w.large_size, Buffer.from(Array.from({ length: 251 }, (_, n) => n)));
await new Upload({ client: s3, params: { Bucket: bucket, Key: w.large_key, Body: large }, partSize: w.part }).done();
const back = await (await read({ Key: w.large_key })).transformToByteArray();
saw.multipart = createHash("sha256").update(back).digest("hex");
saw.get = await text({ Key: w.key });
saw.range = await (await read({ Key: w.large_key, Range: w.range })).transformToString("hex");
const [keys, folders] = [[], []];
for await (const page of S3.paginateListObjectsV2({ client: s3 }, { Bucket: listed, Prefix: w.many, Delimiter: "/" })) {
  keys.push(...(page.Contents ?? []));
  folders.push(...(page.CommonPrefixes ?? []).map((one) => one.Prefix));
}
saw.list = [keys.length, folders.sort()];
await s3.copyObject({ Bucket: bucket, Key: w.copy, CopySource: encodeURIComponent(`${bucket}/${w.key}`) });
saw.copy = await text({ Key: w.copy });
for (const Key of w.doomed) await s3.putObject({ Bucket: bucket, Key, Body: "" });
const before = await count("doomed/");
await s3.deleteObjects({ Bucket: bucket, Delete: { Objects: w.doomed.map((Key) => ({ Key })) } });
saw["delete many"] = [before, await count("doomed/")];
const TagSet = Object.entries(w.tags).map(([Key, Value]) => ({ Key, Value }));
await s3.putObjectTagging({ Bucket: bucket, Key: w.key, Tagging: { TagSet } });
const tags = (await s3.getObjectTagging({ Bucket: bucket, Key: w.key })).TagSet;
saw.tag = Object.fromEntries(tags.map((one) => [one.Key, one.Value]));
await s3.putBucketVersioning({ Bucket: bucket, VersioningConfiguration: { Status: "Enabled" } });
const ids = [];
for (const Body of w.versions) ids.push((await s3.putObject({ Bucket: bucket, Key: "v", Body })).VersionId);
saw.version = [];
for (const VersionId of ids) saw.version.push(await text({ Key: "v", VersionId }));
const url = await getSignedUrl(s3, new S3.GetObjectCommand({ Bucket: bucket, Key: w.key }));
saw.presign = await (await fetch(url)).text();
console.log(JSON.stringify(saw));
