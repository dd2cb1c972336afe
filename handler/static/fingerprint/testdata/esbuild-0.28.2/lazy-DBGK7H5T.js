import{a as o}from"./chunk-ODTD3UZQ.js";var t="./font-DOFQW4QV.woff2";var f=()=>o("late, with "+t);export{f as run};
