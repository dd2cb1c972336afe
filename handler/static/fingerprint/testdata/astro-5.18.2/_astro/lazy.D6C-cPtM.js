import{s as o}from"./index.astro_astro_type_script_index_0_lang.Dna5q_vn.js";/* empty css                       */const t="/_astro/font.CYfk0b0K.woff2",s=()=>o("late, with "+t);export{s as run};
