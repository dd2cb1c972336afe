import{s as o}from"./index-Hc06nVDY.js";const t="/assets/font-CYfk0b0K.woff2",f=()=>o("late, with "+t);export{f as run};
