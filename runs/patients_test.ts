import { assertEquals } from "@std/assert";
import { patientOf, unitsOf } from "./patients.ts";

Deno.test("patientOf() reads the patient of MIMIC-CXR, CheXpert and ChestX-ray14, or a column", () => {
  const of = (image: string, patient?: string) => patientOf({ image, ...(patient && { patient }) });
  assertEquals(of("mimic/files/p10/p10000032/s50414267/02aa804e.jpg"), "p10000032");
  assertEquals(of("C:\\mimic\\p10\\p10000032\\s50414267\\02aa804e.jpg"), "p10000032");
  assertEquals(of("CheXpert/valid/patient64541/study1/view1_frontal.jpg"), "patient64541");
  assertEquals(of("masks/patient64541_study1_view1_frontal.png"), "patient64541");
  assertEquals(of("images_001/images/00000001_000.png"), "00000001");
  assertEquals(of("images/00000001_000.png", "own"), "own");
  assertEquals(of("9a5094b2563a1ef3ff50dc5c7ff71345.dicom"), undefined);
  assertEquals(of("p10/report/p1/s1/x.jpg"), undefined);
});

Deno.test("unitsOf() falls back to images if the patient of a sample is not known", () => {
  const [known, other] = [{ id: "a", image: "00000001_000.png" }, { id: "b", image: "x.png" }];
  assertEquals(unitsOf([known]), { unit: "patient", names: ["00000001"] });
  assertEquals(unitsOf([known, other]), { unit: "image", names: ["00000001_000.png", "x.png"] });
});
